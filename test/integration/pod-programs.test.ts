import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callInPod, hashInPod, type Run } from '../../src/adapters/kubernetes/doctor/pod-programs.ts';
import type { Executed } from '../../src/adapters/kubernetes/terminal/pod-exec.ts';
import { type CertificateAuthority, createCertificateAuthority } from '../support/certificates.ts';
import { type LoopbackServer, startHttpServer } from '../support/loopback-server.ts';
import { secret } from '../support/secrets.ts';
import { temporaryDirectory } from '../support/temporary.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let authority: CertificateAuthority;
let server: LoopbackServer;
let status = 200;
let authorization: string | undefined;
let test: unknown;
const bearer = secret('caller-token');
const PATIENCE = 60_000;

beforeAll(async () => {
  directory = temporaryDirectory();
  authority = createCertificateAuthority();
  const answer: Parameters<typeof startHttpServer>[0] = (request, response) => {
    ({ authorization, 'token-acquirer-test': test } = request.headers);
    response.writeHead(status).end('{}');
  };
  server = await startHttpServer(answer, authority.issue());
  writeFileSync(file('token'), `${bearer}\n`);
  writeFileSync(file('ca.crt'), authority.ca);
});
afterAll(async () => {
  await server.stop();
  authority.remove();
  directory.remove();
});
beforeEach(() => {
  status = 200;
  authorization = undefined;
  test = undefined;
});

const file = (name: string): string => join(directory.path, name);

/** A container whose image has only these programs, which are those of this machine. */
function containerWith(...programs: string[]): Run & { readonly outputs: string[] } {
  const outputs: string[] = [];
  const run = async (command: readonly string[]): Promise<Executed> => {
    const [program = '', ...args] = command;
    if (!programs.includes(program)) return { kind: 'absent' };
    const path = program === 'node' ? process.execPath : program;
    // The server is in this process, so it must not be blocked.
    const { code, out, error } = await ended(path, args);
    outputs.push(out, error);
    return code === 127 ? { kind: 'absent' } : { kind: 'ended', code, out, error };
  };
  return Object.assign(run, { outputs });
}

function ended(program: string, args: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: PATIENCE }, (failure, out, error) => {
      const code = failure === null ? 0 : typeof failure.code === 'number' ? failure.code : 127;
      resolve({ code, out, error });
    });
  });
}

describe('the hash of a file in a container', () => {
  const PROGRAMS = ['sha256sum', 'node', 'python3'];

  it.each(PROGRAMS)('is found out with %s', async (program) => {
    const sha256 = createHash('sha256').update(`${bearer}\n`).digest('hex');
    const container = containerWith(program);
    expect(await hashInPod(container, file('token'))).toEqual({ sha256 });
    expect(container.outputs.join('')).not.toContain(bearer);
  });

  it.each(PROGRAMS)('is missing with the file, by %s', async (program) => {
    expect(await hashInPod(containerWith(program), file('nothing'))).toBe('missing');
  });

  it.each(PROGRAMS)('is not known for what cannot be read, by %s', async (program) => {
    expect(await hashInPod(containerWith(program), directory.path)).toEqual({
      because: `${directory.path} cannot be read there`,
    });
  });

  it('is not known where the image has no program', async () => {
    expect(await hashInPod(containerWith(), file('token'))).toEqual({
      because: expect.stringContaining('none of the programs') as unknown,
    });
  });

  it('is not known where no command can be run', async () => {
    const because = 'you may not run commands in it (403)';
    expect(await hashInPod(async () => ({ kind: 'failed', because }), file('token'))).toEqual({ because });
  });
});

describe('a call from a container', () => {
  const call = (container: Run, differences: Partial<Parameters<typeof callInPod>[1]> = {}) =>
    callInPod(container, {
      url: `https://localhost:${new URL(server.url).port}/`,
      callerToken: file('token'),
      authority: file('ca.crt'),
      ...differences,
    });

  describe.each(['node', 'python3', 'sh'])('by %s', (program) => {
    it('is accepted with the caller token, which nothing shows', async () => {
      const container = containerWith(program);
      expect(await call(container)).toEqual({ step: 'accepted', detail: '200' });
      expect(authorization).toBe(`Bearer ${bearer}`);
      expect(container.outputs.join('')).not.toContain(bearer);
    });

    it('calls as a test, which is not counted as a call of a client', async () => {
      await call(containerWith(program));
      expect(test).toBe('true');
    });

    it.each([
      [401, 'account'],
      [403, 'account'],
      [503, 'answer'],
    ])('shows that HTTP %s concerns the %s', async (code, step) => {
      status = code;
      expect(await call(containerWith(program))).toEqual({ step, detail: String(code) });
    });

    it('concludes nothing from another answer', async () => {
      status = 404;
      expect(await call(containerWith(program))).toEqual({ because: expect.stringContaining('HTTP 404') as unknown });
    });

    it('finds a name that does not resolve', async () => {
      const result = await call(containerWith(program), { url: 'https://nothing.invalid:8443/' });
      expect(result).toMatchObject({ step: 'name' });
    });

    it('finds a port that nobody listens at', async () => {
      expect(await call(containerWith(program), { url: 'https://localhost:1/' })).toMatchObject({ step: 'connection' });
    });

    it('finds a CA that did not sign the certificate', async () => {
      const other = createCertificateAuthority();
      writeFileSync(file('other.crt'), other.ca);
      other.remove();
      expect(await call(containerWith(program), { authority: file('other.crt') })).toMatchObject({
        step: 'certificate',
      });
    });

    it('finds a file that does not exist', async () => {
      const callerToken = file('nothing');
      const result = await call(containerWith(program), { callerToken });
      expect(result).toEqual({ step: 'file', detail: expect.stringContaining(callerToken) as unknown });
    });
  });

  it('tries what takes the least memory first', async () => {
    const tried: string[] = [];
    const run: Run = async ([program = '']) => {
      tried.push(program);
      return { kind: 'absent' };
    };
    await hashInPod(run, file('token'));
    await call(run);
    expect(tried).toEqual(['sha256sum', 'python3', 'node', 'sh', 'python3', 'node']);
  });

  it('concludes nothing where curl fails for another reason', async () => {
    const result = await call(containerWith('sh'), { url: 'unknown://localhost/' });
    expect(result).toEqual({ because: expect.stringContaining('without a result') as unknown });
  });

  it('is not made where the image has no program', async () => {
    expect(await call(containerWith())).toEqual({
      because: expect.stringContaining('none of the programs') as unknown,
    });
  });

  it('is not known where the program says nothing', async () => {
    const result = await call(async () => ({ kind: 'ended', code: 1, out: '', error: '' }));
    expect(result).toEqual({ because: expect.stringContaining('without a result') as unknown });
  });
});
