import { at, ids } from "./sample-resources.ts";

const user = {
  id: ids.user,
  username: "ada",
  email: "ada@example.org",
  fullName: "Ada Lovelace",
  role: "developer",
  isActive: true,
  isVerified: true,
  createdAt: at(0),
  lastLoginAt: at(1),
};
const password = "seven quiet lighthouses";
const account = { username: "ada", email: "ada@example.org", password, fullName: "Ada Lovelace" };
const token = "avo_the-token-of-the-link";
const signedIn = {
  accessToken: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
  expiresInSeconds: 600,
  refreshToken: null,
  user,
};
const link = {
  url: `https://agentvine.example.org/register#token=${token}`,
  expiresAt: at(30),
  isMailed: true,
};
const session = {
  id: ids.instance,
  isCurrent: true,
  userAgent: "Mozilla/5.0",
  address: "192.0.2.7",
  createdAt: at(0),
  lastUsedAt: at(1),
  expiresAt: "2026-04-01T12:00:00.000Z",
};

export const authExamples = {
  setUp: { body: { token, ...account }, response: { ...signedIn, user: { ...user, role: "admin" } } },
  register: { body: { ...account, invitation: token }, response: { state: "active" } },
  login: { body: { identifier: "ada", password }, response: signedIn },
  refresh: { body: {}, response: signedIn },
  logout: { body: {} },
  logoutEverywhere: {},
  confirmPassword: { body: { password } },
  changePassword: { body: { currentPassword: password, newPassword: "eight noisy lighthouses" } },
  forgotPassword: { body: { email: "ada@example.org" }, response: { state: "accepted" } },
  resetPassword: { body: { token, newPassword: "eight noisy lighthouses" } },
  verifyEmail: { body: { token } },
  listSessions: { response: { items: [session] } },
  revokeSession: { params: { sessionId: ids.instance } },
};

const me = { ...user, settings: { theme: "dark" }, pendingEmail: null };

export const userExamples = {
  getMe: { response: me },
  patchMe: { body: { fullName: "Ada Lovelace", settings: { theme: "dark" } }, response: me },
  list: {
    query: { text: "ada" },
    response: { items: [user], total: 1, isTotalExact: true, page: 1, pageSize: 20, pages: 1 },
  },
  get: { params: { userId: ids.user }, response: user },
  patch: { params: { userId: ids.user }, body: { role: "developer" }, response: user },
  invite: { body: { email: "ada@example.org", role: "developer" }, response: link },
  createLink: { params: { userId: ids.user }, body: { purpose: "reset_password" }, response: link },
};
