import java.io.FileInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.*;
import java.security.*;
import java.security.cert.CertificateFactory;
import java.time.*;
import java.util.*;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import javax.net.ssl.*;

/** Calls one service with the token of a mounted volume. Threads can share a client. */
public final class TokenClient {
  private static final Map<String, String> ENV = System.getenv();
  // How long to wait for the file or for a pause of the reissue API, once for each token.
  private static final Duration REREAD_FOR = Duration.ofMillis((long) (1000 * Double.parseDouble(ENV.getOrDefault("REREAD_FOR", "10"))));

  private record Token(String accessToken, long generation, String header, String prefix, BooleanSupplier live) {}

  private final String name;
  private final URI origin;
  private final HttpClient http = HttpClient.newHttpClient(); // follows no redirect, so none gets the token
  private final Deque<String> rejected = new ArrayDeque<>();
  private volatile String accepted = "", curedNothing = "";
  private Token held;
  private final Object waiting = new Object(); // locked by the one call that waits for a token; this, for moments only
  private Object waitsFor = this; // the held token at which waiting for the file began
  private long waitsUntil, askAt = System.nanoTime();

  /** The name is such as dynamics, the origin is such as https://gateway.example.com. */
  public TokenClient(String name, String origin) {
    this.name = name;
    this.origin = URI.create(origin);
    boolean isLocal = List.of("localhost", "127.0.0.1", "[::1]").contains(this.origin.getHost());
    if (!origin.startsWith("https://") && !isLocal) {
      throw new IllegalArgumentException("The token " + name + " may only be sent over https, or to this machine.");
    }
  }

  public <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler) throws Exception {
    URI to = request.uri();
    if (!(to.getScheme() + to.getAuthority()).equals(origin.getScheme() + origin.getAuthority())) {
      throw new IllegalArgumentException("The token " + name + " may only be sent to " + origin + ".");
    }
    Token first = token(null);
    HttpResponse<T> answer = send(request, handler, first);
    boolean replayable = request.bodyPublisher().map(body -> body.contentLength() >= 0 && body.contentLength() <= 65536).orElse(true);
    if (!blamesToken(answer)) return answer;
    Token other;
    try {
      other = token(first.accessToken);
    } catch (IllegalStateException none) {
      return answer;
    }
    if (!replayable) return answer; // the next request has the new token
    answer = send(request, handler, other);
    if (blamesToken(answer)) curedNothing = other.accessToken; // whatever other calls have accepted
    return answer;
  }

  private static boolean blamesToken(HttpResponse<?> answer) {
    String challenge = String.join(", ", answer.headers().allValues("www-authenticate"));
    return answer.statusCode() == 401 && !challenge.matches(".*(insufficient_scope|invalid_request).*");
  }

  private <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> handler, Token token) throws Exception {
    var sent = HttpRequest.newBuilder(request, (header, value) -> !header.equalsIgnoreCase(token.header));
    var answer = http.send(sent.header(token.header, token.prefix + token.accessToken).build(), handler);
    if (answer.statusCode() < 300) accepted = token.accessToken;
    return answer;
  }

  /** Returns a token that may be sent now, other than the rejected one. Requests that wait for a token share it. */
  private Token token(String bad) throws Exception {
    Look now = look(bad);
    if (now.usable) return now.token;
    synchronized (waiting) {
      while (!(now = look(bad)).usable) {
        boolean asks = now.token != null && ENV.containsKey("REISSUE_URL") && System.nanoTime() - askAt >= 0;
        if (asks) askAt = System.nanoTime() + 1_000_000_000L * reissue(now.token.accessToken, bad != null);
        if (waitsFor != now.token) waitsUntil = System.nanoTime() + REREAD_FOR.toNanos();
        waitsFor = now.token;
        if (asks) continue;
        // No API, no answer, or an answer without the token: the file will have it.
        if (System.nanoTime() < waitsUntil && askAt < waitsUntil) Thread.sleep(100);
        else throw new IllegalStateException("No token " + name + " can be had within " + REREAD_FOR);
      }
      return now.token;
    }
  }

  private record Look(Token token, boolean usable) {}

  private synchronized Look look(String bad) throws GeneralSecurityException {
    if (bad != null && !rejected.contains(bad)) rejected.add(bad);
    if (rejected.size() > 8) rejected.remove();
    read();
    return new Look(held, held != null && held.live.getAsBoolean() && (bad == null || !rejected.contains(held.accessToken)));
  }

  /** Holds the token of the file, if it is better than the held one. A write that is not finished changes nothing. */
  private void read() throws GeneralSecurityException {
    try {
      String text = Files.readString(Path.of(ENV.get("TOKEN_DIRECTORY"), name + ".json"));
      String accessToken = field(text, "access_token").orElseThrow();
      Instant expiry = Instant.parse(field(text, "expires_at").orElseThrow());
      Token found = tokenIn(text, () -> Instant.now().isBefore(expiry));
      if (!hash(accessToken).equals(field(text, "sha256").orElseThrow()) || rejected.contains(accessToken)) return;
      if (held != null && !rejected.contains(held.accessToken) && found.generation <= held.generation) return;
      held = found;
    } catch (IOException | NoSuchElementException | DateTimeException unfinished) {
      // The held token stays.
    }
  }

  private static Token tokenIn(String json, BooleanSupplier live) {
    String header = field(json, "name").orElse("Authorization"), prefix = field(json, "prefix").orElse("Bearer ");
    long generation = Long.parseLong(number(json, "generation").orElseThrow());
    return new Token(field(json, "access_token").orElseThrow(), generation, header, prefix, live);
  }

  /** Holds the token of the answer. Returns for how many seconds not to ask again. */
  private long reissue(String old, boolean isRejected) throws Exception {
    boolean revoked = old.equals(accepted) && !old.equals(curedNothing);
    String cause = !isRejected ? "expired" : revoked ? "revoked" : "never_accepted";
    String path = "/v1/namespaces/%s/secrets/%s/tokens/%s/reissue".formatted(ENV.get("REISSUE_NAMESPACE"), ENV.get("REISSUE_SECRET"), name);
    String body = "{\"rejected_sha256\":\"%s\",\"error\":\"invalid_token\",\"cause\":\"%s\"}".formatted(hash(old), cause);
    var request = HttpRequest.newBuilder(URI.create(ENV.get("REISSUE_URL").replaceAll("/$", "") + path))
        .header("Content-Type", "application/json").timeout(Duration.ofSeconds(10)).POST(BodyPublishers.ofString(body));
    try {
      request.header("Authorization", "Bearer " + Files.readString(Path.of(ENV.get("CALLER_TOKEN_FILE"))).strip());
      var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(trust()).build();
      var response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() != 200) {
        String seconds = response.headers().firstValue("retry-after").filter(text -> text.matches("\\d{1,9}")).orElse("1");
        return Math.min(Math.max(Long.parseLong(seconds), 1), 600);
      }
      // Right even where the clock of this machine is wrong.
      long left = Long.parseLong(number(response.body(), "expires_in").orElseThrow()), end = System.nanoTime() + left * 1_000_000_000L;
      return hold(tokenIn(response.body(), () -> System.nanoTime() < end)) && left > 0 ? 0 : 1;
    } catch (IOException | NoSuchElementException unreachable) { // or an answer without a token
      return 1;
    }
  }

  private synchronized boolean hold(Token given) {
    if (rejected.contains(given.accessToken)) return false;
    held = given;
    return true;
  }

  /** Trusts the CAs of CA_FILE; without it, the public CAs. */
  private static SSLContext trust() throws Exception {
    if (!ENV.containsKey("CA_FILE")) return SSLContext.getDefault();
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (var file = new FileInputStream(ENV.get("CA_FILE"))) {
      for (var ca : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
        store.setCertificateEntry("ca-" + store.size(), ca);
      }
    }
    var trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trusted.init(store);
    var context = SSLContext.getInstance("TLS");
    context.init(null, trusted.getTrustManagers(), null);
    return context;
  }

  private static Optional<String> field(String json, String name) {
    var found = Pattern.compile('"' + name + "\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
    return found.find() ? Optional.of(found.group(1).replaceAll("\\\\(.)", "$1")) : Optional.empty();
  }

  private static Optional<String> number(String json, String name) {
    var found = Pattern.compile('"' + name + "\"\\s*:\\s*(\\d+)").matcher(json);
    return found.find() ? Optional.of(found.group(1)) : Optional.empty();
  }

  private static String hash(String text) throws GeneralSecurityException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes()));
  }
}
