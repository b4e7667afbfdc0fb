"""A script as it was written for Azure Quantum's optimization service in 2022, for the SDK of that time.

Nothing in it knows of Kyanite: what leads it here is in the environment. docs/porting.md says how to run it.
"""

from azure.quantum import Workspace
from azure.quantum.optimization import Problem, ProblemType, SimulatedAnnealing, Term

workspace = Workspace(
    subscription_id="5c2f9e1a-0000-4000-8000-000000000000",
    resource_group="research",
    name="annealing",
    location="westeurope",
)

# Five people are to share two rooms, so that those who quarrel sit apart.
people = ["Ada", "Ben", "Cleo", "Dan", "Eve"]
quarrels = {(0, 1): 3, (0, 2): 1, (1, 3): 2, (2, 3): 4, (2, 4): 2}

problem = Problem(name="Two rooms", problem_type=ProblemType.ising)
problem.add_terms([Term(c=weight, indices=[one, two]) for (one, two), weight in quarrels.items()])
problem.add_term(c=-1, indices=[0])  # Ada keeps the room she is in

solver = SimulatedAnnealing(workspace, timeout=2, seed=7)
job = solver.submit(problem)
print(job.details.status)

result = job.get_results()
best = result["solutions"][0]
print("cost", best["cost"], problem.evaluate(best["configuration"]))
for number, person in enumerate(people):
    print(person, "stays" if best["configuration"][str(number)] == 1 else "moves")

for job in workspace.list_jobs(name_match="rooms"):
    print(job.details.name, job.details.target, job.details.status)
