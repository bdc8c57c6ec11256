# Makes a call for each line of standard input, which names its number, method, URL and file of the body.
import sys, threading, urllib.error, os
from token_client import TokenClient

client = TokenClient("dynamics", os.environ["ORIGIN"])


def call(number, method, url, body):
    try:
        data = None if body == "-" else open(body, "rb").read()
        status = client.open(url, data, method).status
    except urllib.error.HTTPError as error:
        status = error.code
    except Exception as error:
        status = f"error {error}"
    print(f"{number}\t{status}", flush=True)


for line in sys.stdin:
    threading.Thread(target=call, args=line.rstrip("\n").split("\t")).start()
