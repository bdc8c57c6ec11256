import { keepPlace } from './places.ts';

// Loaded before each test file of the project `fast`. These files wait for more than half of their time, so two of them
// keep a core busy.
await keepPlace('fast', 2);
