import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Base64;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Publishes as any Java program does, with the client's own defaults: lines of standard input, a key and
 * a value in base64. Prints for each the key and the partition that the default partitioner chose.
 */
public class SendRecords {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] words = line.split(" ");
                byte[] value = Base64.getDecoder().decode(words[1]);
                ProducerRecord<byte[], byte[]> record =
                        new ProducerRecord<>(args[1], words[0].getBytes("UTF-8"), value);
                System.out.println(words[0] + " " + producer.send(record).get().partition());
            }
        }
    }
}
