/** Counts the orders by their IDs. A service that trusts everybody, because the gateway is before it. */
export const LEDGER = `const http=require('http'),counts=new Map();
http.createServer((request,answer)=>{
if(request.url==='/counts'){answer.end(JSON.stringify([...counts.values()]));return}
let size=0;
request.on('data',(part)=>{size+=part.length});
request.on('end',()=>{
const id=request.headers['x-order'];
if(size!==60000||id===undefined){answer.writeHead(400).end();return}
counts.set(id,(counts.get(id)??0)+1);
answer.writeHead(201).end('created');
})}).listen(8080);
process.on('SIGTERM',()=>process.exit(0))`;

/** Posts an order of 60 kB ten times a second, and knows nothing of tokens. Writes a line for each: begin, end, status. */
export const PYTHON = `
import os, time, urllib.error, urllib.request, uuid
URL = os.environ["SERVICE_URL"] + "/orders"
while True:
    begin = time.time()
    request = urllib.request.Request(URL, data=b"y" * 60000, headers={"X-Order": "python-" + str(uuid.uuid4())})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        status = 0
    print(int(begin * 1000), int(time.time() * 1000), status, flush=True)
    time.sleep(0.1)
`;

/** Posts orders of 60 kB until its time is over. Fails if one of them failed. Writes how many there were. */
export const SHELL = `
set -eu
head -c 60000 /dev/zero | tr '\\0' y >/tmp/order
end=$(($(date +%s) + SECONDS_TO_RUN)) made=0
while [ "$(date +%s)" -lt "$end" ]; do
  made=$((made + 1))
  status=$(curl --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' \\
    --header "X-Order: shell-$made" --data-binary @/tmp/order "$SERVICE_URL/orders")
  if [ "$status" != 201 ]; then echo "order $made: $status"; exit 1; fi
  sleep 0.2
done
echo "made $made"
`;

/** Connects to an address of another pod, and writes what came of it. */
export const STRANGER = `
import socket, sys
host, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
try:
    connection = socket.create_connection((host, port), timeout=5)
except OSError as error:
    print(type(error).__name__)
    sys.exit()
connection.sendall(("GET " + path + " HTTP/1.1\\r\\nHost: 127.0.0.1:15080\\r\\nConnection: close\\r\\n\\r\\n").encode())
print(connection.recv(100).decode().split("\\r\\n")[0])
`;
