import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Begins a transaction, sends messages to a partition, and dies without an end of it. The fourth word is its id;
 * with a fifth one it only starts again, and begins none. */
public class OpenTransaction {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("transactional.id", args.length > 3 ? args[3] : "left-open");
        settings.put("transaction.timeout.ms", "800000");
        ByteArraySerializer bytes = new ByteArraySerializer();
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes);
        producer.initTransactions();
        if (args.length > 4) {
            // That alone ended what it had left open.
            producer.close();
            return;
        }
        producer.beginTransaction();
        int partition = Integer.parseInt(args[2]);
        for (int i = 0; i < 100; i++) {
            producer.send(new ProducerRecord<>(args[1], partition, "k".getBytes(), new byte[20]));
        }
        producer.flush();
        System.out.println("open");
        Runtime.getRuntime().halt(0);
    }
}
