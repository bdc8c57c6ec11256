import { existsSync } from 'node:fs';
import { needPackages } from './debian.ts';

export interface ApacheInstallation {
  readonly program: string;
  readonly modules: string;
}

const PROGRAM = '/usr/sbin/apache2';
const MODULES = '/usr/lib/apache2/modules';

/**
 * Apache with mod_auth_openidc, from Debian. `apache2-bin` is only the program: the package `apache2`, which would
 * bring a service that starts with the machine, is not needed. Throws NotAvailable.
 */
export async function installApache(): Promise<ApacheInstallation> {
  await needPackages({
    part: 'Apache with mod_auth_openidc',
    missing: 'Apache 2.4 or its mod_auth_openidc',
    packages: ['apache2-bin', 'libapache2-mod-auth-openidc'],
    present: () => existsSync(PROGRAM) && existsSync(`${MODULES}/mod_auth_openidc.so`),
  });
  return { program: PROGRAM, modules: MODULES };
}
