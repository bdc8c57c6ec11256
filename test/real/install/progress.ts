const EVERY = 15_000;

/** One line on stdout, at once: what is installed takes a while. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Says what is being done, every 15 s that it goes on, and how long it took. */
export async function aloud<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
  const began = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - began) / 1000)} s`;
  say(`${what} …`);
  const timer = setInterval(() => say(`${what} … (${seconds()})`), EVERY);
  try {
    const value = await work();
    say(`${what}: done in ${seconds()}.`);
    return value;
  } finally {
    clearInterval(timer);
  }
}
