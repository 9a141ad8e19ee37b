import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Begins a transaction, sends messages to a partition, and dies without an end of it. */
public class OpenTransaction {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("transactional.id", "left-open");
        settings.put("transaction.timeout.ms", "800000");
        ByteArraySerializer bytes = new ByteArraySerializer();
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes);
        producer.initTransactions();
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
