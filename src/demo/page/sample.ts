import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type App, TOKEN } from '../cast.ts';
import { prefixOf } from '../demo-event.ts';
import type { Workspace } from '../workspace.ts';
import type { PageFile } from './page-message.ts';
import type { AppSample } from './standing.ts';

/** What the disk and the kernel say of one app now. The token itself is not among it. */
export function sample(workspace: Workspace, app: App): AppSample {
  const interval = textOf(workspace.intervalFileOf(app))?.trim() ?? '';
  return {
    name: app.name,
    credentials: keysIn(join(workspace.credentials, app.name)),
    interval,
    memory: residentMemory(textOf(workspace.pidFileOf(app))),
    file: fileIn(workspace.volumeOf(app)),
  };
}

/** Bytes, if the process exists and the kernel shows them. */
export function residentMemory(pid: string | undefined): number | undefined {
  if (pid === undefined) return undefined;
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`) ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** The keys of a token directory, and what may be said of its token. */
export function fileIn(directory: string): PageFile {
  return { keys: keysIn(directory), token: tokenIn(textOf(join(directory, `${TOKEN}.json`))) };
}

function keysIn(directory: string): string[] {
  try {
    // What begins with two dots is the layout's own; what ends so is just being replaced.
    return readdirSync(directory)
      .filter((name) => !name.startsWith('..') && !name.endsWith('.new'))
      .sort();
  } catch {
    return [];
  }
}

function tokenIn(text: string | undefined): PageFile['token'] {
  if (text === undefined) return undefined;
  try {
    const { sha256, generation, expires_at: expires } = JSON.parse(text) as Record<string, unknown>;
    const expiresAt = Date.parse(String(expires));
    if (typeof sha256 !== 'string' || typeof generation !== 'number' || Number.isNaN(expiresAt)) return undefined;
    return { hash: prefixOf(sha256), generation, expiresAt };
  } catch {
    return undefined;
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
