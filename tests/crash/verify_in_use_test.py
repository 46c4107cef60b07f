"""`packhouse verify` may be run at any time: it looks at a snapshot, and takes no lock."""

import publishers


def test_verify_is_clean_while_sixteen_publish(server):
    book = publishers.Book()
    publishing = publishers.Publishers(server, book, seed=1)
    try:
        # As often as it takes for a good deal to be published meanwhile, however slow the disk.
        looks = 0
        while looks < 4 or len(book.acknowledged) <= 100:
            server.verify(full=looks != 1)
            publishing.wait_for(1)
            assert not book.complaints
            looks += 1
    finally:
        publishing.stop()
    report = server.verify(full=True)
    # A wheel brings a second file, its METADATA.
    assert report["files"] == sum(2 if one.kind == "pypi" else 1 for one in book.acknowledged)
    assert not publishers.check(server, book)
