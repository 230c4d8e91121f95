"""Lower bounds on the cost of any switching policy, where too many schedules are worth looking at.

*One form.* Let z' P z be at most the least cost from the next period on, with P positive
semidefinite. In mode m that and the best control cost z' rho_m(P) z (`riccati`), so the least cost
from this period on is at least z' P* z for every P* below all rho_m(P) in the order of symmetric
matrices. To find one below two positive semidefinite forms F and G, write F + G = L L'; then some
rotation makes F and G diagonal at once, with entries f and 1 - f, and putting the smaller of the
two in their place gives a form below both, positive semidefinite again. More forms are taken one by
one. The expected cost of any policy is then at least trace(P* M), M being E[z z'] of the first
state.

For modes that differ only in which coordinates they move well, and without coupling, P* is the cost
of having all the good actuators at once. No second moment says more: if the first state lies on an
axis, drawn at random, then its mode is as good as all of them.

*Many forms.* Where the least of z' P z over several forms bounds the cost from the next period on,
so does the least of z' rho_m(P) z over modes and forms. Going on for d periods without merging
gives modes^d forms, and having everything at once only d periods later, when most of the cost has
been paid: on the instances of `switched_lqr` the bound closes in on the optimum once all modes
have had a turn. It has to be evaluated at first states, not at their second moment.

Source for making two forms diagonal at once: Horn and Johnson (2013), Matrix analysis, section 7.6.
"""

import numpy as np
from jaxtyping import Float64

from neuroinv.optima.riccati import riccati_step
from neuroinv.optima.switched_system import (
    SwitchedSystem,
    check_count,
    check_horizon,
    checked_second_moment,
    checked_system,
)

# Of the largest eigenvalue: those of zero come out this far from it.
ROUNDING = 1e-12


def switching_lower_bound(
    system: SwitchedSystem,
    horizon: int,
    second_moment: Float64[np.ndarray, "dimension dimension"],
) -> float:
    """Expected cost that no policy beats, from one form.

    Args:
        system: the matrices of every mode.
        horizon: periods.
        second_moment: E[z z'] of the first state.

    Raises:
        ValueError: a system that does not fit together, a horizon below one, or second moments that
            are not symmetric positive semidefinite or of another shape.
    """
    (form,) = bounding_forms(system, horizon, most_forms=1)
    return float(np.sum(form * checked_second_moment(second_moment, len(form))))


def bounding_forms(
    system: SwitchedSystem, horizon: int, most_forms: int = 1000
) -> Float64[np.ndarray, "forms dimension dimension"]:
    """Forms the least of which bounds the cost of any policy: pass them to `least_cost`.

    The least of trace(P M) over the forms bounds schedules that are fixed before the state is seen.

    Args:
        system: the matrices of every mode.
        horizon: periods.
        most_forms: not to be exceeded. Periods are looked at one by one for as long as that allows,
            so with modes^horizon of them the bound is the optimum.

    Raises:
        ValueError: a system that does not fit together, or a horizon or most_forms below one.
    """
    system = checked_system(system)
    check_horizon(horizon)
    check_count("most_forms", most_forms)
    modes, dimension, _ = system.actuation.shape
    depth = 0
    while depth < horizon and modes ** (depth + 1) <= most_forms:
        depth += 1
    forms = np.zeros((1, dimension, dimension))
    for remaining in reversed(range(horizon)):
        forms = np.concatenate([riccati_step(system, mode, forms)[1] for mode in range(modes)])
        if remaining >= depth:
            forms = _below_all(forms)[None]
    return forms


def _below_all(
    forms: Float64[np.ndarray, "forms dimension dimension"],
) -> Float64[np.ndarray, "dimension dimension"]:
    """One positive semidefinite form below all of these, as the module says."""
    below = forms[0]
    for form in forms[1:]:
        sizes, directions = np.linalg.eigh(below + form)
        # Neither form charges a state that their sum does not charge.
        charged = sizes > ROUNDING * sizes[-1]
        sizes, directions = np.sqrt(sizes[charged]), directions[:, charged]
        shares, rotation = np.linalg.eigh((directions / sizes).T @ below @ (directions / sizes))
        basis = directions * sizes @ rotation
        below = (basis * np.clip(np.minimum(shares, 1.0 - shares), 0.0, None)) @ basis.T
    return 0.5 * (below + below.T)
