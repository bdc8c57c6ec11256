import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.Scanner;

/** Makes a call for each line of standard input, which names its number, method, URL and file of the body. */
final class Driver {
  public static void main(String[] args) {
    var client = new TokenClient("dynamics", System.getenv("ORIGIN"));
    var lines = new Scanner(System.in);
    while (lines.hasNextLine()) {
      String[] fields = lines.nextLine().split("\t");
      new Thread(() -> System.out.println(fields[0] + "\t" + call(client, fields))).start();
    }
  }

  private static String call(TokenClient client, String[] fields) {
    try {
      var body = fields[3].equals("-") ? BodyPublishers.noBody() : BodyPublishers.ofFile(Path.of(fields[3]));
      var request = HttpRequest.newBuilder(URI.create(fields[2])).method(fields[1], body).build();
      return String.valueOf(client.send(request, BodyHandlers.ofString()).statusCode());
    } catch (Exception error) {
      return "error " + error.getMessage();
    }
  }
}
