import java.io.IOException;
import java.util.Arrays;

/**
 * Runs the main class named first, in this JVM, and ends the JVM when standard input closes.
 *
 * Standard input is a pipe that the supervisor holds: should the supervisor itself be killed, its servers go too.
 */
public final class Leash {
    private Leash() {
    }

    public static void main(String[] arguments) throws Throwable {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    continue;
                }
            } catch (IOException broken) {
                // as good as closed
            }
            Runtime.getRuntime().halt(137);
        }, "leash");
        watch.setDaemon(true);
        watch.start();
        Class.forName(arguments[0])
            .getMethod("main", String[].class)
            .invoke(null, (Object) Arrays.copyOfRange(arguments, 1, arguments.length));
    }
}
