import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.LocalHBaseCluster;
import org.apache.hadoop.hbase.rest.RESTServer;
import org.apache.hadoop.hbase.zookeeper.MiniZooKeeperCluster;

/**
 * ZooKeeper, a master, a region server and the REST gateway in one process, on loopback and on free
 * ports: OneHBase FOLDER [name=value]...
 *
 * It prints "ready rest=PORT" once the gateway answers.
 */
public final class OneHBase {
    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]).toAbsolutePath();
        Files.createDirectories(folder);
        Configuration conf = HBaseConfiguration.create();
        conf.set("hbase.rootdir", "file://" + folder + "/hbase");
        conf.set("hbase.tmp.dir", folder + "/tmp");
        conf.set("hadoop.tmp.dir", folder + "/tmp");
        // The checksumming file system keeps the end of a log that is being written in memory.
        conf.set("fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem");
        conf.setBoolean("hbase.unsafe.stream.capability.enforce", false);
        conf.set("hbase.wal.provider", "filesystem");
        conf.setBoolean("hbase.cluster.distributed", false);
        conf.setBoolean("hbase.localcluster.assign.random.ports", true);
        for (String part : new String[] {"master", "regionserver"}) {
            conf.set("hbase." + part + ".ipc.address", "127.0.0.1");
            conf.set("hbase." + part + ".hostname", "localhost");
            conf.setInt("hbase." + part + ".info.port", -1);
        }
        conf.set("hbase.unsafe.regionserver.hostname", "localhost");
        conf.setInt("hbase.master.wait.on.regionservers.mintostart", 1);
        conf.setInt("hbase.master.wait.on.regionservers.maxtostart", 1);
        conf.setInt("hbase.master.wait.on.regionservers.interval", 50);
        conf.setInt("hbase.regionserver.msginterval", 100);
        conf.setInt("hbase.regionserver.handler.count", 8);
        conf.setInt("hbase.master.procedure.threads", 4);
        // After SIGKILL the next start waits until the sessions of the dead one are over.
        conf.setInt("zookeeper.session.timeout", 10_000);
        conf.setInt("hbase.master.start.timeout.localHBaseCluster", 60_000);
        conf.setInt("hbase.rest.threads.max", 8);
        conf.setInt("hbase.rest.threads.min", 1);
        conf.set("hbase.rest.host", "127.0.0.1");
        conf.setInt("hbase.rest.port", 0);
        conf.setInt("hbase.rest.info.port", -1);
        for (int i = 1; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            conf.set(pair[0], pair[1]);
        }

        MiniZooKeeperCluster zookeeper = new MiniZooKeeperCluster(conf);
        zookeeper.setTickTime(conf.getInt("zookeeper.session.timeout", 0) / 2);
        int zookeeperPort = zookeeper.startup(new File(folder.toFile(), "zookeeper"));
        conf.set("hbase.zookeeper.quorum", "127.0.0.1");
        conf.setInt("hbase.zookeeper.property.clientPort", zookeeperPort);

        LocalHBaseCluster cluster = new LocalHBaseCluster(conf, 1, 1);
        cluster.startup();
        while (cluster.getActiveMaster() == null || !cluster.getActiveMaster().isInitialized()) {
            Thread.sleep(20);
        }
        RESTServer rest = new RESTServer(conf);
        rest.run();
        System.out.println("ready rest=" + rest.getPort());
        System.out.flush();
        rest.join();
    }
}
