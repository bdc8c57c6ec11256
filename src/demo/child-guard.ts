// Preloaded into a program that was not written for the demo: ends it when the demo is gone.
import { exitWithParent } from './child.ts';

exitWithParent();
