// Makes a call for each line of standard input, which names its number, method, URL and file of the body.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"example.com/billing/tokens"
)

func call(client *http.Client, fields []string) string {
	var body io.Reader
	if file, streamed := strings.CutPrefix(fields[3], "stream:"); file != "-" {
		text, err := os.ReadFile(file)
		if err != nil {
			return "error " + err.Error()
		}
		if body = bytes.NewReader(text); streamed {
			body = io.MultiReader(body)
		}
	}
	request, err := http.NewRequest(fields[1], fields[2], body)
	if err != nil {
		return "error " + err.Error()
	}
	answer, err := client.Do(request)
	if err != nil {
		return "error " + err.Error()
	}
	answer.Body.Close()
	return strconv.Itoa(answer.StatusCode)
}

func main() {
	seconds, err := strconv.ParseFloat(os.Getenv("REREAD_FOR"), 64)
	if err != nil {
		seconds = 10
	}
	rereadFor := time.Duration(seconds * float64(time.Second))
	transport := &tokens.Transport{Name: "dynamics", Origin: os.Getenv("ORIGIN"), RereadFor: rereadFor}
	client := &http.Client{Transport: transport}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		go func() { fmt.Println(fields[0] + "\t" + call(client, fields)) }()
	}
}
