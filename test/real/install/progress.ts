const EVERY = 15_000;

export type Tell = (text: string) => void;

/** Prints one line on stdout immediately, because an installation takes a while. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Says what is being done, every 15 s that it goes on, and how long it took. */
export async function aloud<Value>(what: string, work: () => Promise<Value>, tell: Tell = say): Promise<Value> {
  const began = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - began) / 1000)} s`;
  tell(`${what} …`);
  const timer = setInterval(() => tell(`${what} … (${seconds()})`), EVERY);
  try {
    const value = await work();
    tell(`${what}: done in ${seconds()}.`);
    return value;
  } finally {
    clearInterval(timer);
  }
}
