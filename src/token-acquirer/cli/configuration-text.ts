import { readYaml } from '../configuration/yaml-document.ts';

/**
 * Returns the configuration in a text: the text itself, or what the chart's ConfigMap has, as `helm template` prints it. What is
 * neither is returned as it is, for the parser to reject.
 */
export function configurationIn(text: string): string {
  const { document } = readYaml(text);
  if (document.errors.length > 0 || document.get('kind') !== 'ConfigMap') return text;
  const configuration: unknown = document.getIn(['data', 'config.yaml']);
  return typeof configuration === 'string' ? configuration : text;
}
