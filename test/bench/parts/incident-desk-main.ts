// The demo's external service.
import { startIncidentDesk } from '../../../src/demo/incident-desk.ts';
import { servePart } from './part.ts';

servePart<object, object>(async () => {
  const { url } = await startIncidentDesk();
  return { ready: { url }, answer: () => undefined };
});
