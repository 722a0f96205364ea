import java.io.BufferedReader;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Holds server processes and ends them when whoever started it goes away.
 *
 * Invariant: no child outlives this process's lease. The lease is standard input, which the kernel closes whatever happens
 * to its owner; after {@code detach FILE} it is the existence of FILE. When the lease is over every child gets SIGKILL (which
 * also ends a stopped one) and the run folder is removed.
 *
 * One command per line on standard input, words separated by tabs; one event per line on standard output:
 * <pre>
 *   start NAME LOG ARGUMENTS   the command to run stands in the file ARGUMENTS, one word per line
 *                              -> started NAME PID | failed NAME why;  whenever the process ends: exited NAME CODE
 *   kill NAME                  SIGKILL  -> exited NAME CODE
 *   keep                       leave the run folder when all is over
 *   detach FILE                -> detached; standard input may close now
 * </pre>
 */
public final class Supervisor {
    private final Map<String, Process> children = new ConcurrentHashMap<>();
    private final PrintStream events;
    private final Path folder;
    private volatile boolean ending;
    private volatile boolean keep;

    private Supervisor(Path folder) {
        this.folder = folder;
        this.events = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) {
        Supervisor supervisor = new Supervisor(Path.of(arguments[0]));
        Runtime.getRuntime().addShutdownHook(new Thread(supervisor::end));
        int code = 0;
        try {
            supervisor.obey();
        } catch (Throwable why) {
            why.printStackTrace();
            code = 1;
        }
        System.exit(code); // the hook ends the children, as it does on SIGTERM, SIGINT and SIGHUP
    }

    private void obey() throws Exception {
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split("\t");
            switch (words[0]) {
                case "start":
                    start(words[1], new File(words[2]), Path.of(words[3]));
                    break;
                case "kill":
                    Process child = children.get(words[1]);
                    if (child != null) {
                        child.destroyForcibly();
                    }
                    break;
                case "keep":
                    keep = true;
                    break;
                case "detach":
                    say("detached");
                    File lease = new File(words[1]);
                    while (lease.exists()) {
                        Thread.sleep(200);
                    }
                    return;
                default:
                    throw new IllegalArgumentException(line);
            }
        }
    }

    private synchronized void start(String name, File log, Path file) {
        if (ending) {
            return;
        }
        try {
            List<String> command = Files.readAllLines(file, StandardCharsets.UTF_8);
            Process child = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log))
                .start();
            children.put(name, child);
            say("started\t" + name + "\t" + child.pid());
            child.onExit().thenAccept(ended -> {
                children.remove(name, ended);
                say("exited\t" + name + "\t" + ended.exitValue());
            });
        } catch (IOException | RuntimeException why) {
            say("failed\t" + name + "\t" + why.toString().replaceAll("\\s+", " "));
        }
    }

    private void say(String event) {
        events.println(event);
    }

    private synchronized void end() {
        ending = true;
        for (Process child : children.values()) {
            child.destroyForcibly();
        }
        for (Process child : children.values()) {
            try {
                child.waitFor();
            } catch (InterruptedException why) {
                Thread.currentThread().interrupt();
            }
        }
        if (!keep) {
            remove();
        }
    }

    private void remove() {
        try (Stream<Path> all = Files.walk(folder)) {
            all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        } catch (IOException | RuntimeException why) {
            System.err.println("the run folder stays: " + why);
        }
    }
}
