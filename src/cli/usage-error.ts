// What is wrong with a command line; printed with the usage of the command.

export class UsageError extends Error {}
