/** A session ends after so long, however much it is used. */
export const sessionDays = 60;
/** A refresh token that nobody uses for so long is worthless. */
export const refreshDays = 14;
/** How long a refresh token may be shown again, in seconds: answers get lost, and tabs ask at the same time. */
export const graceSeconds = 10;
