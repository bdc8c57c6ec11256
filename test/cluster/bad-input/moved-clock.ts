// Loaded before a program: its wall clock is off by as many milliseconds as MOVED_CLOCK says. The monotonic one is not.
const off = Number(process.env['MOVED_CLOCK']);
const now = Date.now.bind(Date);

Date.now = () => now() + off;
