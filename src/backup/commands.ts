// `caisson backup` and `caisson restore`. They work on files and ask no server: a backup is taken beside a server that
// runs on the same data directory (docs/adr/, "Backups are taken beside the server").

export { backupCommand } from './commands/backup.ts';
export { restoreCommand } from './commands/restore.ts';
