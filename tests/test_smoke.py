from tests.harness import Graph


async def test_one_record_comes_through(graph: Graph) -> None:
    answer = await graph.ask('{ nexudusOpportunity(sourceId: "1427000501") { name } }')
    assert answer["data"] == {"nexudusOpportunity": {"name": "Example Widgets - 12 desk office"}}
