"""ray 21392 (and torchrl 3711's family): a padded batch; the state handed on is the one after the
padding, not after the last real step. Expected: chunked_equals_whole / step_equals_unroll (state
after the last step).
"""

import torch
from _base import D, H, Policy
from torch import nn


class Packed(Policy):
    pack = True

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(H, H, batch_first=True)

    def core(self, obs, state):
        _, (h, c) = self.lstm(torch.tanh(self.enc(obs))[:, None], (state[0][None], state[1][None]))
        return h[0], c[0]

    def unroll(self, obs, state, reset):
        T, N = reset.shape
        # episodes inside the sequence become rows of one padded batch
        rows = []
        for n in range(N):
            cuts = [0] + [t for t in range(1, T) if reset[t, n]] + [T]
            rows += [(n, a, b) for a, b in zip(cuts, cuts[1:])]
        lengths = torch.tensor([b - a for _, a, b in rows])
        x = obs.new_zeros(len(rows), int(lengths.max()), D)
        h, c = obs.new_zeros(len(rows), H), obs.new_zeros(len(rows), H)
        for i, (n, a, b) in enumerate(rows):
            x[i, : b - a] = obs[a:b, n]
            if a == 0 and not reset[0, n]:
                h[i], c[i] = state[0][n], state[1][n]
        x = torch.tanh(self.enc(x))
        if self.pack:
            p = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            y, (h, c) = self.lstm(p, (h[None], c[None]))
            y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        else:
            y, (h, c) = self.lstm(x, (h[None], c[None]))
        out = obs.new_zeros(T, N, H)
        for i, (n, a, b) in enumerate(rows):
            out[a:b, n] = y[i, : b - a]
        last = [i for i, (n, a, b) in enumerate(rows) if b == T]
        return self.heads(out), (h[0][last], c[0][last])


healthy = Packed


class Sick(Packed):
    pack = False


sick = Sick
