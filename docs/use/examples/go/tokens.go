// Package tokens sends the access token of a mounted volume with each request to one service.
package tokens

import (
	"context"
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
	RereadFor    time.Duration // how long to wait for the file or a pause of the reissue API, once for each token

	lock                   sync.Mutex // for moments only: never while something is waited for
	held, waitsFor         *token
	accepted, curedNothing atomic.Value
	rejected               []string
	asking                 bool
	askAt, waitsUntil      time.Time
}

func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme+"://"+request.URL.Host != t.Origin {
		return http.DefaultTransport.RoundTrip(request)
	}
	first, err := t.token(request, "")
	if err != nil {
		if request.Body != nil {
			request.Body.Close() // as http.RoundTripper demands
		}
		return nil, err
	}
	answer, blamed, err := t.send(request, first)
	if !blamed {
		return answer, err
	}
	other, err := t.token(request, first.AccessToken)
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
	if answer, blamed, err = t.send(again, other); blamed {
		t.curedNothing.Store(other.AccessToken) // whatever other requests have accepted
	}
	return answer, err
}

func (t *Transport) send(request *http.Request, by *token) (answer *http.Response, blamed bool, err error) {
	sent := request.Clone(request.Context())
	sent.Header.Set(by.Header.Name, by.Header.Prefix+by.AccessToken)
	if answer, err = http.DefaultTransport.RoundTrip(sent); err != nil {
		return nil, false, err
	}
	if answer.StatusCode < 300 {
		t.accepted.Store(by.AccessToken)
	}
	challenge := strings.Join(answer.Header.Values("WWW-Authenticate"), ", ")
	isOther := strings.Contains(challenge, "insufficient_scope") || strings.Contains(challenge, "invalid_request")
	return answer, answer.StatusCode == 401 && !isOther, nil
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
func (t *Transport) token(request *http.Request, rejected string) (*token, error) {
	if request.URL.Scheme != "https" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, request.URL.Hostname()) {
		return nil, fmt.Errorf("the token %s may only be sent over https, or to this machine", t.Name)
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if rejected != "" && !slices.Contains(t.rejected, rejected) {
		t.rejected = append(t.rejected[max(0, len(t.rejected)-7):], rejected)
	}
	for request.Context().Err() == nil {
		t.read()
		if t.held != nil && time.Now().Before(t.held.ExpiresAt) && (rejected == "" || !t.isRejected(t.held)) {
			return t.held, nil
		}
		if t.held != nil && os.Getenv("REISSUE_URL") != "" && !t.asking && time.Now().After(t.askAt) {
			t.reissue(request.Context(), rejected)
			continue
		}
		if !t.asking && (t.waitsFor != t.held || t.waitsUntil.IsZero()) {
			t.waitsFor, t.waitsUntil = t.held, time.Now().Add(t.RereadFor)
		}
		if !t.asking && (time.Now().After(t.waitsUntil) || t.askAt.After(t.waitsUntil)) {
			return nil, fmt.Errorf("no token %s can be had within %s", t.Name, t.RereadFor)
		}
		t.lock.Unlock()
		time.Sleep(100 * time.Millisecond) // without an API, an answer, or a token in it: the file will have it
		t.lock.Lock()
	}
	return nil, request.Context().Err()
}

func (t *Transport) isRejected(one *token) bool { return slices.Contains(t.rejected, one.AccessToken) }

// reissue holds the token of the answer, or pauses if the answer says so.
func (t *Transport) reissue(ctx context.Context, rejected string) {
	cause, old := "never_accepted", t.held.AccessToken
	if rejected == "" {
		cause = "expired"
	} else if old == t.accepted.Load() && old != t.curedNothing.Load() {
		cause = "revoked"
	}
	body := fmt.Sprintf(`{"rejected_sha256":"%s","error":"invalid_token","cause":"%s"}`, hashOf(old), cause)
	t.asking = true
	t.lock.Unlock()
	given, pause := t.ask(ctx, body)
	t.lock.Lock()
	t.asking, t.askAt = false, time.Now().Add(pause)
	if given.AccessToken != "" && given.ExpiresIn > 0 && !t.isRejected(&given) {
		t.held, t.askAt = &given, time.Time{}
	}
}

// ask returns the token of the answer, and how long to ask no more if that cannot be used.
func (t *Transport) ask(ctx context.Context, body string) (given token, pause time.Duration) {
	pause = time.Second
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	url := fmt.Sprintf("%s/v1/namespaces/%s/secrets/%s/tokens/%s/reissue", strings.TrimSuffix(os.Getenv("REISSUE_URL"), "/"),
		os.Getenv("REISSUE_NAMESPACE"), os.Getenv("REISSUE_SECRET"), t.Name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	caller, unreadable := os.ReadFile(os.Getenv("CALLER_TOKEN_FILE"))
	if err != nil || unreadable != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(caller)))
	api := http.Transport{TLSClientConfig: &tls.Config{}, DisableKeepAlives: true} // follows no redirect
	if certificates, err := os.ReadFile(os.Getenv("CA_FILE")); err == nil {        // without CA_FILE: the public CAs
		api.TLSClientConfig.RootCAs = x509.NewCertPool()
		api.TLSClientConfig.RootCAs.AppendCertsFromPEM(certificates)
	}
	response, err := api.RoundTrip(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return given, time.Duration(min(max(seconds, 1), 600)) * time.Second
	}
	given.Header = header{"Authorization", "Bearer "}
	_ = json.NewDecoder(response.Body).Decode(&given)                              // of anything but JSON there is no token
	given.ExpiresAt = time.Now().Add(time.Duration(given.ExpiresIn) * time.Second) // right even if the clock here is wrong
	return
}

func hashOf(accessToken string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(accessToken))) }
