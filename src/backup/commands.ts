// `caisson backup` and `caisson restore`. They work on files and ask no server: a backup is taken beside a server that
// runs on the same data directory (docs/adr/0012-backups-beside-the-server.md).

export { backupCommand } from './commands/backup.ts';
export { restoreCommand } from './commands/restore.ts';
