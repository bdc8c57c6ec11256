// Imports the Kubernetes client, says that it has, and does nothing.
import '@kubernetes/client-node';

process.stdout.write('imported');
