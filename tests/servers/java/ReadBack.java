import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Says with Apache's own client classes what a broker holds: one JSON object per line.
 *
 * <pre>
 *   read TOPIC NAMESRV [COUNT SECONDS]   every message of the topic, queue by queue; waits until there are COUNT of them
 *   consume TOPIC NAMESRV COUNT SECONDS [GROUP]   what a push consumer gets, from the first message on
 *   produce TOPIC NAMESRV COUNT          sends COUNT messages, prints each result
 *   create TOPIC NAMESRV QUEUES          makes the topic on every master and waits until its route says so
 *   producers GROUP TOPIC NAMESRV        the producers of the group that the topic's brokers know
 *   serve                                commands from standard input, words separated by tabs; each answer ends with a line
 *                                        "." or "! why"; over when standard input closes
 * </pre>
 *
 * Compiles and runs with the jars of 4.9.7, 5.3.3 and 5.5.0: types whose package differs between them are never named.
 */
public final class ReadBack {
    /** Bodies up to this length are printed whole, longer ones only by length and digest. */
    private static final int WHOLE_BODY = 4096;
    private static final AtomicInteger INSTANCES = new AtomicInteger();

    private final PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);

    private ReadBack() {
    }

    public static void main(String[] arguments) {
        System.setOut(System.err); // what a library prints is no part of the answer
        int code = 0;
        try {
            ReadBack oracle = new ReadBack();
            if (arguments.length == 1 && arguments[0].equals("serve")) {
                oracle.serve();
            } else {
                oracle.run(Arrays.asList(arguments));
                oracle.out.flush();
            }
        } catch (Throwable why) {
            why.printStackTrace();
            code = 1;
        }
        System.exit(code);
    }

    private void serve() throws Exception {
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String end = ".";
            try {
                run(Arrays.asList(line.split("\t")));
            } catch (Throwable why) {
                why.printStackTrace();
                end = "! " + why.toString().replaceAll("\\s+", " ");
            }
            out.println(end);
            out.flush();
        }
    }

    private void run(List<String> words) throws Exception {
        String[] word = words.toArray(new String[8]);
        switch (String.valueOf(word[0])) {
            case "read":
                read(word[1], word[2], word[3] == null ? 0 : Long.parseLong(word[3]), word[4] == null ? 0 : Long.parseLong(word[4]));
                break;
            case "consume":
                consume(word[1], word[2], Integer.parseInt(word[3]), Long.parseLong(word[4]), word[5]);
                break;
            case "produce":
                produce(word[1], word[2], Integer.parseInt(word[3]));
                break;
            case "create":
                create(word[1], word[2], Integer.parseInt(word[3]));
                break;
            case "producers":
                producers(word[1], word[2], word[3]);
                break;
            default:
                throw new IllegalArgumentException("read | consume | produce | create | producers | serve, not " + words);
        }
    }

    private void read(String topic, String nameServer, long count, long seconds) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("ReadBack");
        consumer.setNamesrvAddr(nameServer);
        consumer.setConsumerPullTimeoutMillis(60_000);
        consumer.setInstanceName(instance());
        consumer.setVipChannelEnabled(false);
        consumer.start();
        try {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
            for (MessageQueue queue : await(consumer, topic, count, end)) {
                long last = consumer.maxOffset(queue);
                long next = consumer.minOffset(queue);
                for (int empty = 0; next < last;) {
                    PullResult pulled = consumer.pull(queue, "*", next, 32);
                    Collection<MessageExt> found = pulled.getMsgFoundList() == null ? List.of() : pulled.getMsgFoundList();
                    for (MessageExt message : found) {
                        print(message, queue.getBrokerName());
                    }
                    empty = found.isEmpty() ? empty + 1 : 0;
                    if (empty > 50) {
                        throw new IllegalStateException(queue + " ends at " + last + " and gives nothing at " + next + ": " + pulled);
                    }
                    if (empty > 0) {
                        Thread.sleep(100);
                    }
                    next = Math.max(next, pulled.getNextBeginOffset());
                }
            }
        } finally {
            consumer.shutdown();
        }
    }

    /** The topic's queues, sorted, once they hold `count` messages together or the time is over. */
    private static Collection<MessageQueue> await(DefaultMQPullConsumer consumer, String topic, long count, long end) throws Exception {
        while (true) {
            Exception cause = null;
            try {
                Collection<MessageQueue> queues = new TreeSet<>(consumer.fetchSubscribeMessageQueues(topic));
                long held = 0;
                for (MessageQueue queue : queues) {
                    held += consumer.maxOffset(queue) - consumer.minOffset(queue);
                }
                if (held >= count || System.nanoTime() > end) {
                    return queues;
                }
            } catch (Exception why) { // no route yet, or a broker that comes back right now
                cause = why;
            }
            if (cause != null && System.nanoTime() > end) {
                throw cause;
            }
            Thread.sleep(100);
        }
    }

    private void consume(String topic, String nameServer, int count, long seconds, String group) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group == null ? "ReadBack_" + instance() : group);
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName(instance());
        consumer.setVipChannelEnabled(false);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        LinkedBlockingQueue<Map.Entry<String, MessageExt>> arrived = new LinkedBlockingQueue<>();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                arrived.add(Map.entry(context.getMessageQueue().getBrokerName(), message));
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        try {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
            for (int got = 0; got < count; got++) {
                Map.Entry<String, MessageExt> next = arrived.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
                if (next == null) {
                    throw new IllegalStateException("only " + got + " of " + count + " messages of " + topic + " in " + seconds + " s");
                }
                print(next.getValue(), next.getKey());
            }
        } finally {
            consumer.shutdown();
        }
    }

    private void produce(String topic, String nameServer, int count) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("ReadBack_producer");
        producer.setNamesrvAddr(nameServer);
        producer.setInstanceName(instance());
        producer.setVipChannelEnabled(false);
        producer.setSendMsgTimeout(60_000);
        producer.start();
        try {
            for (int number = 0; number < count; number++) {
                byte[] body = ("message " + number).getBytes(StandardCharsets.UTF_8);
                Message message = new Message(topic, "java", "key-" + number, body);
                message.putUserProperty("number", String.valueOf(number));
                SendResult sent = producer.send(message);
                Map<String, Object> line = new LinkedHashMap<>();
                line.put("status", sent.getSendStatus().name());
                line.put("msgId", sent.getMsgId());
                line.put("offsetMsgId", sent.getOffsetMsgId());
                line.put("brokerName", sent.getMessageQueue().getBrokerName());
                line.put("queueId", sent.getMessageQueue().getQueueId());
                line.put("queueOffset", sent.getQueueOffset());
                out.println(json(line));
            }
        } finally {
            producer.shutdown();
        }
    }

    private void create(String topic, String nameServer, int queues) throws Exception {
        DefaultMQAdminExt admin = admin(nameServer);
        try {
            int masters = 0;
            for (var broker : admin.examineBrokerClusterInfo().getBrokerAddrTable().values()) {
                String master = broker.getBrokerAddrs().get(0L);
                if (master != null) {
                    admin.createAndUpdateTopicConfig(master, new TopicConfig(topic, queues, queues, 6));
                    masters++;
                }
            }
            for (int polls = 0;; polls++) {
                try {
                    int ready = 0;
                    for (var data : admin.examineTopicRouteInfo(topic).getQueueDatas()) {
                        ready += data.getWriteQueueNums() == queues ? 1 : 0;
                    }
                    if (ready == masters) {
                        break;
                    }
                } catch (Exception why) {
                    if (polls > 300) {
                        throw why;
                    }
                }
                if (polls > 300) {
                    throw new IllegalStateException("the route of " + topic + " does not show all " + masters + " brokers");
                }
                Thread.sleep(100);
            }
            out.println(json(Map.of("topic", topic, "brokers", masters, "queues", queues)));
        } finally {
            admin.shutdown();
        }
    }

    private void producers(String group, String topic, String nameServer) throws Exception {
        DefaultMQAdminExt admin = admin(nameServer);
        try {
            for (var producer : admin.examineProducerConnectionInfo(group, topic).getConnectionSet()) {
                Map<String, Object> line = new LinkedHashMap<>();
                line.put("clientId", producer.getClientId());
                line.put("clientAddr", producer.getClientAddr());
                line.put("language", String.valueOf(producer.getLanguage()));
                line.put("version", producer.getVersion());
                out.println(json(line));
            }
        } finally {
            admin.shutdown();
        }
    }

    private static DefaultMQAdminExt admin(String nameServer) throws Exception {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(60_000);
        admin.setNamesrvAddr(nameServer);
        admin.setInstanceName(instance());
        admin.setVipChannelEnabled(false);
        admin.start();
        return admin;
    }

    /** A name no other client of this machine has, so that no two share connections. */
    private static String instance() {
        return ProcessHandle.current().pid() + "_" + INSTANCES.incrementAndGet();
    }

    private void print(MessageExt message, String brokerName) throws Exception {
        byte[] body = message.getBody() == null ? new byte[0] : message.getBody();
        Map<String, String> properties = new TreeMap<>(message.getProperties());
        properties.remove("MIN_OFFSET"); // put there by the consumer, not stored
        properties.remove("MAX_OFFSET");
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("brokerName", brokerName);
        line.put("queueId", message.getQueueId());
        line.put("queueOffset", message.getQueueOffset());
        line.put("msgId", message.getMsgId());
        line.put("offsetMsgId", message instanceof MessageClientExt ? ((MessageClientExt) message).getOffsetMsgId() : null);
        line.put("topic", message.getTopic());
        line.put("tags", message.getTags());
        line.put("keys", message.getKeys());
        line.put("flag", message.getFlag());
        line.put("sysFlag", message.getSysFlag());
        line.put("bodyLength", body.length);
        line.put("bodySha256", hex(MessageDigest.getInstance("SHA-256").digest(body)));
        line.put("bodyBase64", body.length <= WHOLE_BODY ? Base64.getEncoder().encodeToString(body) : null);
        line.put("properties", properties);
        line.put("bornTimestamp", message.getBornTimestamp());
        line.put("bornHost", message.getBornHost() == null ? null : message.getBornHostString());
        line.put("storeTimestamp", message.getStoreTimestamp());
        line.put("reconsumeTimes", message.getReconsumeTimes());
        line.put("waitStoreMsgOK", message.isWaitStoreMsgOK());
        line.put("transactionId", message.getTransactionId());
        line.put("preparedTransactionOffset", message.getPreparedTransactionOffset());
        out.println(json(line));
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte one : bytes) {
            text.append(String.format("%02x", one));
        }
        return text.toString();
    }

    private static String json(Object value) {
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return String.valueOf(value);
        }
        if (value instanceof Map) {
            List<String> members = new ArrayList<>();
            ((Map<?, ?>) value).forEach((name, member) -> members.add(json(name) + ":" + json(member)));
            return "{" + String.join(",", members) + "}";
        }
        StringBuilder text = new StringBuilder("\"");
        for (char one : value.toString().toCharArray()) {
            if (one < ' ' || one == '"' || one == '\\' || one == '\u007f') {
                text.append(String.format("\\u%04x", (int) one));
            } else {
                text.append(one);
            }
        }
        return text.append('"').toString();
    }
}
