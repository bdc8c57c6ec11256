import type { CallStep, ObservedCall, ObservedMount } from '../../../core/doctor/observed-in-pods.ts';
import { TEST_HEADER, TEST_VALUE } from '../../../core/test-call.ts';
import type { Executed } from '../terminal/pod-exec.ts';

/** Runs a command in one container. */
export type Run = (command: readonly string[]) => Promise<Executed>;

const HASH_NODE = `const f = process.argv[1];
try { console.log(require('crypto').createHash('sha256').update(require('fs').readFileSync(f)).digest('hex')); }
catch (e) { console.log(e.code === 'ENOENT' ? 'missing' : 'unreadable'); }`;

const HASH_PYTHON = `import hashlib, sys
try: print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())
except FileNotFoundError: print('missing')
except OSError: print('unreadable')`;

const NONE = 'its image has none of the programs that could find it out';

/**
 * Finds out the SHA-256 of a file in its container, so that its content stays there. What takes the least memory is tried
 * first, because it counts against the limit of the container.
 */
export async function hashInPod(run: Run, file: string): Promise<ObservedMount['found']> {
  const commands = [
    ['sha256sum', file],
    ['python3', '-c', HASH_PYTHON, file],
    ['node', '-e', HASH_NODE, file],
  ];
  const done = await firstOf(run, commands);
  if (!('out' in done)) return done;
  const [, sha256] = /^\\?([0-9a-f]{64})\b/.exec(done.out) ?? [];
  if (sha256 !== undefined) return { sha256 };
  if (done.out.startsWith('missing') || done.error.includes('No such file')) return 'missing';
  return { because: `${file} cannot be read there` };
}

/** Files in the container, and what to call. */
export interface Call {
  readonly url: string;
  readonly callerToken: string;
  readonly authority: string;
}

// Each prints a step and a detail, and nothing of the files. Each calls as `helm test` does, so that the token-acquirer
// takes it for no client, and does not report a rejected call as a mistake of the client app.
const CALL_NODE = `const [url, token, ca] = process.argv.slice(1);
const say = (step, detail) => { console.log(step + ' ' + detail); process.exit(); };
const read = (f) => { try { return require('fs').readFileSync(f); } catch (e) { say('file', f + ' (' + e.code + ')'); } };
const headers = { authorization: 'Bearer ' + String(read(token)).trim(), '${TEST_HEADER}': '${TEST_VALUE}' };
const call = require('https').request(url, { ca: read(ca), headers, timeout: 5000 }, (a) => say('status', a.statusCode));
call.on('timeout', () => say('connection', 'no answer within 5 s'));
call.on('error', ({ code = 'unknown' }) => say(/^(ENOTFOUND|EAI_)/.test(code) ? 'name'
  : /^E(CONN|TIMEDOUT|HOST|NET|PIPE)/.test(code) ? 'connection' : 'certificate', code));
call.end();`;

const CALL_PYTHON = `import socket, ssl, sys, urllib.error, urllib.request
url, token, ca = sys.argv[1:]
def say(step, detail):
    print(step, detail)
    sys.exit()
try: bearer, context = open(token).read().strip(), ssl.create_default_context(cafile=ca)
except ssl.SSLError: say('certificate', 'ca.crt is no certificate')
except OSError as e: say('file', '%s (%s)' % (e.filename or ca, e.strerror))
headers = {'Authorization': 'Bearer ' + bearer, '${TEST_HEADER}': '${TEST_VALUE}'}
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
try: say('status', opener.open(urllib.request.Request(url, headers=headers), timeout=5).status)
except urllib.error.HTTPError as e: say('status', e.code)
except urllib.error.URLError as e:
    why = e.reason
    say('name' if isinstance(why, socket.gaierror) else 'certificate' if isinstance(why, ssl.SSLError) else 'connection', type(why).__name__)
except OSError as e: say('connection', type(e).__name__)`;

// The token goes through a pipe: arguments are visible to other processes.
const CALL_CURL = `for f in "$2" "$3"; do [ -r "$f" ] || { echo "file $f"; exit 0; }; done
command -v curl >/dev/null || exit 127
status=$(printf 'Authorization: Bearer %s\n' "$(cat "$2")" |
  curl -s --noproxy '*' -o /dev/null -m 5 -w '%{http_code}' --cacert "$3" -H '${TEST_HEADER}: ${TEST_VALUE}' -H @- "$1")
code=$?
case $code in
  0) echo "status $status" ;;
  6) echo "name curl $code" ;;
  7|28|35|52|55|56) echo "connection curl $code" ;;
  51|58|59|60|77|83|90|91) echo "certificate curl $code" ;;
esac`;

/** Calls the reissue endpoint from a container. Which program does it depends on the image. */
export async function callInPod(run: Run, { url, callerToken, authority }: Call): Promise<ObservedCall['result']> {
  const files = [url, callerToken, authority];
  const done = await firstOf(run, [
    ['sh', '-c', CALL_CURL, 'sh', ...files],
    ['python3', '-c', CALL_PYTHON, ...files],
    ['node', '-e', CALL_NODE, ...files],
  ]);
  if (!('out' in done)) return done;
  const [, word = '', detail = ''] = /^(file|name|connection|certificate|status) (.*)$/m.exec(done.out) ?? [];
  if (word === '') return { because: 'the program that called from it ended without a result' };
  return word === 'status' ? answered(detail) : { step: word as CallStep, detail };
}

function answered(status: string): ObservedCall['result'] {
  if (status.startsWith('2')) return { step: 'accepted', detail: status };
  if (status === '401' || status === '403') return { step: 'account', detail: status };
  if (status.startsWith('5')) return { step: 'answer', detail: status };
  return { because: `the endpoint answered HTTP ${status}, which shows nothing about the account` };
}

/** The first of these commands whose program the container has. */
async function firstOf(
  run: Run,
  commands: readonly (readonly string[])[],
): Promise<{ readonly out: string; readonly error: string } | { readonly because: string }> {
  for (const command of commands) {
    const done = await run(command);
    if (done.kind === 'failed') return { because: done.because };
    if (done.kind === 'ended') return done;
  }
  return { because: NONE };
}
