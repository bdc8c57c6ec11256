/** A color, as `styleText` of Node calls it. */
export type Color = 'red' | 'yellow' | 'green' | 'gray' | 'bold';

/** Returns the text in a color, or as it is where the terminal has none. */
export type Paint = (color: Color, text: string) => string;

/** What is colored of a text in which nothing can act on a terminal, because that was escaped before. */
const COLORED: readonly (readonly [pattern: RegExp, color: Color])[] = [
  [/^[A-Z][A-Z ]{4,}$/gm, 'bold'],
  [
    /(?<= )(?:Expired|Failing|NotStored)(?= )|\b(?!Suspended=)[A-Za-z]+=False\b|^Not ready$|never sees new tokens$/gm,
    'red',
  ],
  [/(?<= )(?:RenewalFailing|Pending)(?= )|^Not shown:/gm, 'yellow'],
  [/(?<= )Valid(?= )/g, 'green'],
  [/(?<= )Suspended(?= )/g, 'gray'],
];

/** Returns the text with its headings and states in colors. */
export function colored(text: string, paint: Paint): string {
  return COLORED.reduce((result, [pattern, color]) => result.replaceAll(pattern, (found) => paint(color, found)), text);
}
