import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/**
 * Sends one message at a time with the Java client, as the generator of the system does that is
 * replaced: arguments are topic, compression type or "none", and a file whose lines are a key and a
 * body in Base64.
 */
public class SingleSends {
    public static void main(String[] args) throws Exception {
        if (!args[1].equals("none")) {
            System.setProperty("rocketmq.message.compressType", args[1]);
        }
        DefaultMQProducer producer = new DefaultMQProducer("java-generator");
        producer.setNamesrvAddr(System.getenv("NAMESRV_ADDR"));
        producer.setCompressMsgBodyOverHowmuch(args[1].equals("none") ? 1 << 22 : 1);
        producer.start();
        int sent = 0;
        for (String line : Files.readAllLines(Path.of(args[2]))) {
            String[] parts = line.split(" ");
            byte[] body = Base64.getDecoder().decode(parts[1]);
            SendResult result = producer.send(new Message(args[0], "seismic", parts[0], body));
            if (result.getSendStatus() == SendStatus.SEND_OK) {
                sent++;
            }
        }
        producer.shutdown();
        System.out.println("sent " + sent);
    }
}
