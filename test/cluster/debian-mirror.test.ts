import { describe, expect, it } from 'vitest';
import { debianMirror } from './debian-mirror.ts';

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n';
const TARGETS = [
  'https://mirror.example.com/security/ trixie-security main',
  'https://mirror.example.com/deb/ trixie-updates main',
  'https://mirror.example.com/deb/ trixie contrib',
  'cdrom://disk/ trixie main',
  'https://mirror.example.com/deb/ trixie main',
  '',
].join('\n');

describe('the mirror of Debian for the tests', () => {
  it('is the one that the machine installs its own packages from', () => {
    expect(debianMirror({ targets: TARGETS, release: DEBIAN, named: undefined })).toBe(
      'https://mirror.example.com/deb/',
    );
  });

  it('is the one that DEBIAN_MIRROR names, wherever the machine installs from', () => {
    const named = 'http://packages.example.com/debian';
    expect(debianMirror({ targets: TARGETS, release: DEBIAN, named })).toBe(named);
    expect(debianMirror({ targets: '', release: 'ID=fedora\n', named })).toBe(named);
  });

  it.each([
    ['another distribution', TARGETS, 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n'],
    ['no package list', '', DEBIAN],
    ['security fixes only', 'https://mirror.example.com/security/ trixie-security main', DEBIAN],
  ])('is unknown on a machine with %s', (_, targets, release) => {
    expect(debianMirror({ targets, release, named: '' })).toBeUndefined();
  });
});
