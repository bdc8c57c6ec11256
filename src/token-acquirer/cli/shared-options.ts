import { Option } from 'commander';
import { STATUS_ADDRESS } from './status-command.ts';

/** The default paths of files, as in a pod of the chart. A path that is left out has to be named. */
export interface PathDefaults {
  readonly config?: string | undefined;
  readonly credentials?: string | undefined;
}

export const credentialsOption = (preset: string | undefined): Option =>
  withDefault(
    new Option(
      '--credentials <dir>',
      'credentials volume: one folder per credential, one file per value',
    ).makeOptionMandatory(),
    preset,
  );
export const configOption = (preset: string | undefined): Option =>
  withDefault(new Option('--config <file>', 'configuration file (YAML)').makeOptionMandatory(), preset);

export function withDefault(option: Option, preset: string | undefined): Option {
  return preset === undefined ? option : option.default(preset);
}

export const statusUrlOption = (): Option =>
  new Option(
    '--status-url <url>',
    `status address of the running token-acquirer (default: "http://${STATUS_ADDRESS}", then port 9090, as in a pod and through a port-forward)`,
  );
