const MS_DIGITS = 3;

/** Three significant digits, and no more zeros than that: 0.0123, 1.55, 155, 1,550. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(MS_DIGITS)));
}

export function ratioText(ratio: number): string {
  return `${ratio < 0.1 ? number(ratio) : ratio.toFixed(2)} ×`;
}

export function milliseconds(value: number): string {
  return `${number(value)} ms`;
}

export function nanoseconds(value: number): string {
  return value < 1000 ? `${number(value)} ns` : `${number(value / 1000)} µs`;
}

/** In units of 1,000. */
export function bytes(value: number): string {
  return value < 1e6 ? `${number(value / 1000)} kB` : `${number(value / 1e6)} MB`;
}
