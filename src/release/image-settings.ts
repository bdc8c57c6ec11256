/** How a container of the image is started, as the image format of OCI has it. */
export interface ImageSettings {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

/**
 * Reads the settings of a stage that begins with `FROM scratch AS …` from the text of a Dockerfile, so that nothing is
 * stated twice. Arguments without a value and without a default are left out, with the labels that hold only them.
 * Throws an Error for a stage that the text lacks.
 */
export function settingsOf(dockerfile: string, stage: string, given: Readonly<Record<string, string>>): ImageSettings {
  const instructions = instructionsOf(dockerfile, stage);
  const rests = (name: string): string[] => instructions.filter((one) => one.name === name).map(({ rest }) => rest);
  const values = new Map(rests('ARG').flatMap((rest) => assignments(rest)));
  for (const [name, value] of Object.entries(given)) values.set(name, value);
  const filled = (rest: string): [string, string][] =>
    assignments(rest).map(([name, text]) => [
      name,
      text.replaceAll(/\$\{(\w+)\}/g, (_, argument: string) => values.get(argument) ?? ''),
    ]);
  return {
    User: rests('USER').at(-1) ?? '',
    Env: rests('ENV')
      .flatMap(filled)
      .map((pair) => pair.join('=')),
    Entrypoint: JSON.parse(rests('ENTRYPOINT').at(-1) ?? '[]') as string[],
    Labels: Object.fromEntries(
      rests('LABEL')
        .flatMap(filled)
        .filter(([, value]) => value !== ''),
    ),
  };
}

/** Reads `a="b c" d=e`. */
function assignments(rest: string): [name: string, value: string][] {
  return [...rest.matchAll(/([\w./-]+)=(?:"([^"]*)"|(\S+))/g)].map(([, name = '', quoted, plain = '']) => [
    name,
    quoted ?? plain,
  ]);
}

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

function instructionsOf(dockerfile: string, stage: string): readonly Instruction[] {
  const lines = dockerfile
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n');
  const from = lines.indexOf(`FROM scratch AS ${stage}`);
  if (from === -1) throw new Error(`The Dockerfile has no stage FROM scratch AS ${stage}.`);
  const rest = lines.slice(from + 1);
  const end = rest.findIndex((line) => line.startsWith('FROM '));
  return rest
    .slice(0, end === -1 ? undefined : end)
    .filter((line) => line.trim() !== '')
    .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }));
}
