# SPDX-License-Identifier: Apache-2.0
"""The ground the scenes play on: namespaces, topologies, backends, balancers. Used by tests/scenes only."""
