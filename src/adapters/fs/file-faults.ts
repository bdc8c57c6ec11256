import { StoreError, systemCode } from '../../core/errors.ts';

interface Fault {
  readonly reason: string;
  /** What to do, a sentence. */
  readonly remedy: string;
  readonly permanent: boolean;
}

function denied(): Fault {
  const user = process.getuid?.();
  return {
    reason: 'permission is denied',
    remedy: `Give the user of this process${user === undefined ? '' : ` (uid ${user})`} access to it.`,
    permanent: true,
  };
}

const NO_DIRECTORY: Fault = {
  reason: 'a part of its path is no directory',
  remedy: 'Name another directory, or move away what is in the place of this one.',
  permanent: true,
};
const NO_SPACE: Fault = { reason: 'no space is left there', remedy: 'Free some space.', permanent: false };
const TOO_MANY: Fault = {
  reason: 'too many files are open',
  remedy: 'Raise the limit on open files.',
  permanent: false,
};
const READ_ONLY: Fault = {
  reason: 'its file system is read-only',
  remedy: 'Mount it writable, or name another directory.',
  permanent: true,
};
const FAILING_DISK: Fault = {
  reason: 'its disk or file server failed',
  remedy: 'It is tried again. Look at the disk, the mount and the log of the kernel if it stays.',
  permanent: false,
};
const BUSY: Fault = {
  reason: 'the system is short of memory or busy',
  remedy: 'It is tried again. Give the process or the machine more memory if it stays.',
  permanent: false,
};
const TOO_LONG: Fault = { reason: 'its path is too long', remedy: 'Name a shorter directory.', permanent: true };

const FAULTS: Readonly<Record<string, Fault>> = {
  EROFS: READ_ONLY,
  ENOTDIR: NO_DIRECTORY,
  EISDIR: NO_DIRECTORY,
  ENAMETOOLONG: TOO_LONG,
  ENOSPC: NO_SPACE,
  EDQUOT: NO_SPACE,
  EMFILE: TOO_MANY,
  ENFILE: TOO_MANY,
  EIO: FAILING_DISK,
  ESTALE: FAILING_DISK,
  ETIMEDOUT: FAILING_DISK,
  ENOMEM: BUSY,
  EAGAIN: BUSY,
  EBUSY: BUSY,
  EINTR: BUSY,
};

/** Returns whether an error of the file system may pass without anyone acting, as too many open files do. */
export function mayPass(error: unknown): boolean {
  const code = systemCode(error);
  return code !== undefined && FAULTS[code]?.permanent === false;
}

function faultOf(code: string): Fault {
  if (code === 'EACCES' || code === 'EPERM') return denied();
  return (
    FAULTS[code] ?? { reason: 'the system rejected it', remedy: 'The problem may pass by itself.', permanent: false }
  );
}

/**
 * `what` is the head of a sentence: `The token directory /tokens cannot be written`. What is no system error passes as
 * it is.
 */
export function storeFault(what: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined || error instanceof StoreError) return error;
  const { reason, remedy, permanent } = faultOf(code);
  return new StoreError(`${what}: ${reason} (${code}). ${remedy}`, { permanent });
}

/** The operation's value, or `undefined` where it failed with one of these codes. */
export async function unless<T>(codes: readonly string[], operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    const code = systemCode(error);
    if (code !== undefined && codes.includes(code)) return undefined;
    throw error;
  }
}

/** Like `unless`, for a synchronous operation. */
export function excuse<T>(codes: readonly string[], operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    const code = systemCode(error);
    if (code !== undefined && codes.includes(code)) return undefined;
    throw error;
  }
}
