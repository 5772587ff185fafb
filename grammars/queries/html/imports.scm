; What a page brings in stands in its head like any other element; none of it names anything that markup refers to.
