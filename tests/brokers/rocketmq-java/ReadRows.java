import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * The reference consumer of the RocketMQ sink's topic: prints each row that counts as "queue row key
 * body-in-Base64". Arguments are topic and how many rows to wait for. The rule is that of
 * docs/rocketmq.md.
 */
public class ReadRows {
    /** The highest (epoch, fence) seen in a queue, and the row after the last one kept. */
    static final class Rule {
        long epoch = -1, fence = -1, next = 0;

        /** Whether the message is a row that counts. */
        boolean keeps(MessageExt message) {
            String mark = message.getUserProperty("seismic_epoch");
            if (mark == null) {
                return false;
            }
            boolean isFence = "FENCE".equals(message.getTags());
            long itsEpoch = Long.parseLong(mark);
            long itsFence = isFence
                ? message.getQueueOffset() : Long.parseLong(message.getUserProperty("seismic_fence"));
            if (itsEpoch < epoch || itsEpoch == epoch && itsFence < fence) {
                return false;
            }
            if (isFence) {
                epoch = itsEpoch;
                fence = itsFence;
                return false;
            }
            long row = Long.parseLong(message.getUserProperty("seismic_row"));
            if (row < next) {
                return false;
            }
            epoch = itsEpoch;
            fence = itsFence;
            next = row + 1;
            return true;
        }
    }

    public static void main(String[] args) throws Exception {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer("java-reader");
        consumer.setNamesrvAddr(System.getenv("NAMESRV_ADDR"));
        consumer.setAutoCommit(false);
        consumer.start();
        Collection<MessageQueue> queues = consumer.fetchMessageQueues(args[0]);
        consumer.assign(new ArrayList<>(queues));
        for (MessageQueue queue : queues) {
            consumer.seekToBegin(queue);
        }
        Map<Integer, Rule> rules = new HashMap<>();
        int wanted = Integer.parseInt(args[1]);
        long until = System.currentTimeMillis() + 60_000;
        for (int kept = 0; kept < wanted && System.currentTimeMillis() < until; ) {
            List<MessageExt> messages = consumer.poll(1000);
            for (MessageExt message : messages) {
                if (rules.computeIfAbsent(message.getQueueId(), id -> new Rule()).keeps(message)) {
                    kept++;
                    System.out.println("row " + message.getQueueId() + " "
                        + message.getUserProperty("seismic_row") + " " + message.getKeys() + " "
                        + Base64.getEncoder().encodeToString(message.getBody()));
                }
            }
        }
        consumer.shutdown();
    }
}
