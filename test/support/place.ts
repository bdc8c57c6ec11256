import { keepPlace } from './places.ts';

// Loaded before each test file that computes. At most one per core runs at a time, whereas files that wait for the
// cluster run next to them.
await keepPlace('computing', 1);
