import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { K3sContainer } from '@testcontainers/k3s';
import { succeeds } from './command.ts';
import { hasImage } from './docker.ts';
import type { ClusterRecord } from './record.ts';

const IMAGE = 'rancher/k3s:v1.36.1-k3s1';
const PULL_PATIENCE = 3 * 60_000;

/**
 * Whether k3s can be had: its image is here, or can be pulled in a few minutes. A missing registry is reported
 * immediately.
 */
export async function hasK3s(): Promise<boolean> {
  if (await hasImage(IMAGE)) return true;
  return succeeds({ program: 'docker', args: ['pull', '--quiet', IMAGE], timeout: PULL_PATIENCE });
}

/** Starts k3s in a container of this name. */
export async function startK3s(name: string, folder: string): Promise<ClusterRecord> {
  const container = await new K3sContainer(IMAGE).withName(name).start();
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, container.getKubeConfig(), { mode: 0o600 });
  chmodSync(kubeconfig, 0o600);
  return { name: `k3s, ${IMAGE}`, kubeconfig, ownNode: false, container: name };
}
