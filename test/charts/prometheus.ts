import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { installPrometheus } from '../real/install/prometheus.ts';
import { answerOf, type Part, startPart } from '../real/parts/part.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const PATIENCE = 60_000;

/** A series of an answer, with its value now. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus that scrapes token-acquirers each second, as the job `token-acquirer`. */
export interface Prometheus {
  readonly part: Part;
  /** Resolves after the first scrape of each target. */
  scraped(): Promise<void>;
  /** Throws where Prometheus rejects the query. */
  query(expr: string): Promise<readonly Sample[]>;
  /** Returns the values of a label among the series of a selector. */
  labelValues(selector: string, label: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

interface Answer<Data> {
  readonly status: string;
  readonly error?: string;
  readonly data: Data;
}

interface Vector {
  readonly result: readonly { readonly metric: Sample['metric']; readonly value: readonly [number, string] }[];
}

/** Starts it, with rules that it evaluates each second. Throws NotAvailable. */
export async function startPrometheus(targets: readonly URL[], rules: readonly object[] = []): Promise<Prometheus> {
  const { prometheus } = await installPrometheus();
  const folder = temporaryDirectory();
  const config = join(folder.path, 'prometheus.yml');
  const ruleFile = join(folder.path, 'rules.yaml');
  writeFileSync(ruleFile, stringify({ groups: [{ name: 'token-acquirer', rules }] }));
  writeFileSync(config, stringify({ ...scraping(targets), rule_files: [ruleFile] }));
  const address = `127.0.0.1:${await freePort()}`;
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder.path, 'data')}`];
  const part = startPart({
    label: 'Prometheus',
    command: prometheus,
    args: [...args, `--web.listen-address=${address}`],
  });
  const ask = async <Data>(path: string, parameters: Readonly<Record<string, string>>): Promise<Data> => {
    const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`;
    const { status, error, data } = (await (await fetch(url)).json()) as Answer<Data>;
    if (status !== 'success') throw new Error(`Prometheus rejects ${JSON.stringify(parameters)}: ${String(error)}`);
    return data;
  };
  const query = async (expr: string): Promise<readonly Sample[]> => {
    const { result } = await ask<Vector>('query', { query: expr });
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  };
  await part.until('an answer', () => answerOf(`http://${address}/-/ready`), PATIENCE);
  return {
    part,
    query,
    async scraped() {
      const isUp = async (): Promise<true | undefined> =>
        (await query('up == 1')).length === targets.length || undefined;
      await part.until('a scrape', isUp, PATIENCE);
    },
    labelValues: (selector, label) => ask(`label/${label}/values`, { 'match[]': selector }),
    async stop() {
      await part.stop();
      folder.remove();
    },
  };
}

function scraping(targets: readonly URL[]): object {
  const job = {
    job_name: 'token-acquirer',
    honor_labels: true,
    static_configs: [{ targets: targets.map(({ host }) => host) }],
  };
  return { global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' }, scrape_configs: [job] };
}
