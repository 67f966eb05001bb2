export interface MailText {
  subject: string;
  text: string;
}

const minutes = "It works once, for thirty minutes.";
const ignore = "If you did not ask for it, you need not do anything.";

export const resetText = (url: string): MailText => ({
  subject: "Set a new password",
  text: `Somebody asked for a new password for your AgentVine account. Set it here:\n\n${url}\n\n${minutes} ${ignore}\n`,
});

export const verifyText = (url: string): MailText => ({
  subject: "Verify your e-mail address",
  text: `Open this link to verify your e-mail address for AgentVine:\n\n${url}\n\n${minutes} ${ignore}\n`,
});

export const invitationText = (url: string): MailText => ({
  subject: "You are invited to AgentVine",
  text: `You are invited to AgentVine, where your team's coding agents work. Make your account here:\n\n${url}\n\nIt works once, for seven days.\n`,
});

/** To the address of somebody who registered although they have an account, or under a name that is taken. */
export const takenText = (loginUrl: string): MailText => ({
  subject: "You have an account already, or the name is taken",
  text: `Somebody registered at AgentVine with this address. Either it has an account already, or the chosen name is taken; nothing was changed. Sign in, set a new password, or register under another name:\n\n${loginUrl}\n\n${ignore}\n`,
});

export const changedEmailText = (address: string): MailText => ({
  subject: "Your e-mail address was changed",
  text: `The e-mail address of your AgentVine account is ${address} now. If that was not you, ask your administrator at once.\n`,
});

export const changedPasswordText: MailText = {
  subject: "Your password was changed",
  text: "The password of your AgentVine account was changed, and your other sessions ended. If that was not you, ask your administrator at once.\n",
};
