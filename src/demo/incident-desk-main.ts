// The external service's process.
import { announce, exitWithParent } from './child.ts';
import { startIncidentDesk } from './incident-desk.ts';

exitWithParent();

const { url } = await startIncidentDesk();
announce({ url });
