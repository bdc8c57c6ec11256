#!/usr/bin/env node
// kubectl runs the file `kubectl_complete-token_acquirer` with the words before the cursor.
import { launch } from '../launch.mjs';

process.argv.splice(2, 0, '__complete');
try {
  launch(new URL('./plugin-main.ts', import.meta.url));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
