// Package tokens sends the access token of a mounted volume with each request to one service.
package tokens

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const longestWait = 30 * time.Second // that a request waits, if the reissue API asks for a pause

type token struct {
	AccessToken string    `json:"access_token"`
	SHA256      string    `json:"sha256"`
	Generation  int64     `json:"generation"`
	ExpiresAt   time.Time `json:"expires_at"`
	ExpiresIn   int       `json:"expires_in"` // only in an answer of the reissue API
	Header      header    `json:"header"`
}

type header struct{ Name, Prefix string }

// Transport is an http.RoundTripper. Requests to other origins, such as the targets of redirects, get no token.
type Transport struct {
	Name, Origin string        // such as dynamics, and https://gateway.example.com
	RereadFor    time.Duration // how long to wait for the file, where nobody can be asked

	lock        sync.Mutex
	held        *token
	accepted    atomic.Value
	rejected    []string
	pausedUntil time.Time
	patience    struct {
		token *token
		end   time.Time
	}
}

func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme+"://"+request.URL.Host != t.Origin {
		return http.DefaultTransport.RoundTrip(request)
	}
	if host := request.URL.Hostname(); request.URL.Scheme != "https" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		return nil, fmt.Errorf("the token %s may only be sent over https, or to this machine", t.Name)
	}
	first, err := t.token("")
	if err != nil {
		return nil, err
	}
	answer, err := t.send(request, first)
	if err != nil || !blamesToken(answer) {
		return answer, err
	}
	other, err := t.token(first.AccessToken)
	if err != nil || request.Body != nil && (request.GetBody == nil || request.ContentLength > 64<<10) {
		return answer, nil // the next request has the new token
	}
	answer.Body.Close()
	again := request.Clone(request.Context())
	if request.GetBody != nil {
		if again.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
	}
	return t.send(again, other)
}

func (t *Transport) send(request *http.Request, by *token) (*http.Response, error) {
	sent := request.Clone(request.Context())
	sent.Header.Set(by.Header.Name, by.Header.Prefix+by.AccessToken)
	answer, err := http.DefaultTransport.RoundTrip(sent)
	if err == nil && answer.StatusCode < 300 {
		t.accepted.Store(by.AccessToken)
	}
	return answer, err
}

func blamesToken(answer *http.Response) bool {
	challenge := strings.Join(answer.Header.Values("WWW-Authenticate"), ", ")
	return answer.StatusCode == 401 && !strings.Contains(challenge, "insufficient_scope") && !strings.Contains(challenge, "invalid_request")
}

// read holds the token of the file, if it is better than the held one. A write that is not finished changes nothing.
func (t *Transport) read() {
	found := token{Header: header{"Authorization", "Bearer "}}
	text, err := os.ReadFile(os.Getenv("TOKEN_DIRECTORY") + "/" + t.Name + ".json")
	if err != nil || json.Unmarshal(text, &found) != nil || found.SHA256 != hashOf(found.AccessToken) {
		return
	}
	better := t.held == nil || t.isRejected(t.held) || found.Generation > t.held.Generation
	if better && !t.isRejected(&found) {
		t.held = &found
	}
}

// token returns a token that may be sent now, other than the rejected one. Requests that wait for a token share it.
func (t *Transport) token(rejected string) (*token, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if rejected != "" && !slices.Contains(t.rejected, rejected) {
		t.rejected = append(t.rejected[max(0, len(t.rejected)-7):], rejected)
	}
	for waited, askAt := false, time.Now(); ; {
		t.read()
		if t.held != nil && time.Now().Before(t.held.ExpiresAt) && (rejected == "" || !t.isRejected(t.held)) {
			return t.held, nil
		}
		if t.patience.token != t.held || t.patience.end.IsZero() {
			t.patience.token, t.patience.end = t.held, time.Now().Add(t.RereadFor)
		}
		pause := time.Until(t.pausedUntil)
		switch known := t.held != nil && os.Getenv("REISSUE_URL") != ""; {
		case known && pause > 0 && (waited || pause > longestWait):
			return nil, fmt.Errorf("the reissue API asked for a pause of %s", pause.Round(time.Second))
		case known && pause > 0:
			waited = true
			time.Sleep(pause)
		case known && !time.Now().Before(askAt):
			askAt = time.Now().Add(time.Second)
			t.reissue(rejected)
		case time.Now().After(t.patience.end):
			return nil, fmt.Errorf("no token %s came within %s", t.Name, t.RereadFor)
		default: // no API, no answer, or an answer without the token: the file will have it
			time.Sleep(100 * time.Millisecond)
		}
	}
}

func (t *Transport) isRejected(one *token) bool { return slices.Contains(t.rejected, one.AccessToken) }

// reissue holds the token of the answer, or pauses if the answer says so.
func (t *Transport) reissue(rejected string) {
	cause := "never_accepted"
	if rejected == "" {
		cause = "expired"
	} else if t.held.AccessToken == t.accepted.Load() {
		cause = "revoked"
	}
	body := fmt.Sprintf(`{"rejected_sha256":"%s","error":"invalid_token","cause":"%s"}`, hashOf(t.held.AccessToken), cause)
	url := fmt.Sprintf("%s/v1/namespaces/%s/secrets/%s/tokens/%s/reissue", strings.TrimSuffix(os.Getenv("REISSUE_URL"), "/"),
		os.Getenv("REISSUE_NAMESPACE"), os.Getenv("REISSUE_SECRET"), t.Name)
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	caller, unreadable := os.ReadFile(os.Getenv("CALLER_TOKEN_FILE"))
	if err != nil || unreadable != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(caller)))
	response, err := reissueClient().Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		t.pausedUntil = time.Now().Add(time.Duration(min(max(seconds, 1), 600)) * time.Second)
		return
	}
	given := token{Header: header{"Authorization", "Bearer "}}
	if json.NewDecoder(response.Body).Decode(&given) != nil || given.AccessToken == "" || t.isRejected(&given) {
		return
	}
	// Right even where the clock of this machine is wrong.
	given.ExpiresAt = time.Now().Add(time.Duration(given.ExpiresIn) * time.Second)
	t.held = &given
}

func reissueClient() *http.Client {
	tlsConfig := &tls.Config{}
	if certificates, err := os.ReadFile(os.Getenv("CA_FILE")); err == nil { // without CA_FILE: the public CAs
		tlsConfig.RootCAs = x509.NewCertPool()
		tlsConfig.RootCAs.AppendCertsFromPEM(certificates)
	}
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: tlsConfig, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func hashOf(accessToken string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(accessToken))) }
