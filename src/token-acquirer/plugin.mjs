#!/usr/bin/env node
import { launch } from '../launch.mjs';

try {
  launch(new URL('./plugin-main.ts', import.meta.url));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
